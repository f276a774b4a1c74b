"""Proof mode: samplers measured against a table of trained networks, on a simulated cluster.

Knows no sampler and no heavy library: whoever calls hands in what makes a sampler.
"""
