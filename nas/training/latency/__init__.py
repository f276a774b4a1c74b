"""Latency: measured times of networks on a device, and latency tables for a search.

`open_runtime` returns a runtime, `measure_network` times one network, `measure_table` makes a
`nas.cost.latency_table.LatencyTable`.
"""
