"""Tests of what people see and press, in the simulator: one module per feature."""
