int held_writes_stub;
