"""Arithmetic of the analyses: arrays in, arrays out, nothing mutated, no import of ours outside."""
