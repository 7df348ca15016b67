#pragma once

/// Makes a pipe that no program inherits: the end to read from, and the one to write to. Returns 0, or an error number.
int spawn_pipe(int ends[2]);

/// Starts the program at `path`, with no descriptors but `input` as its standard input and `output` as its standard output
/// and error, no signals blocked, and a process group of its own. Both lists end in NULL. Returns 0, or an error number.
int spawn_program(
    const char *path, char *const words[], char *const variables[], int input, int output, int *process);
