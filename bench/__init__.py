"""The published procedure, written out literally, beside the engine: time, memory, accuracy. `python -m bench`."""
