#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether this processor has instructions for CRC-32C.
bool checksum_has_crc32c(void);

/// The register after `count` bytes, by those instructions; only where the processor has them.
uint32_t checksum_crc32c(uint32_t crc, const void *bytes, size_t count);
