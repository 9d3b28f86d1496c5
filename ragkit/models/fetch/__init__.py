"""Weights from a hub to this machine: planned, resumed, verified; for ragkit download alone."""
