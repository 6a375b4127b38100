"""How fast is the engine, and how much memory does it take? One file per subject; `make bench` runs them all."""
