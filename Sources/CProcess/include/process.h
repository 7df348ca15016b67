#pragma once

/// Forbids dumps of this process's memory, to a file or to a program, and other users of the machine to look into it.
/// Returns 0, or an error number.
int process_forbid_dumps(void);

/// Gives the signals of a crash back to the system: the process ends by them, and prints nothing.
void process_end_at_crash(void);

/// On how many processors this thread may run, as `taskset` and containers bound it; 1 where that cannot be told.
int process_processor_count(void);
