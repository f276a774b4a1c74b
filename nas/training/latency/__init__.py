"""Latency: networks timed on a device, and the table by which a search counts it.

`open_runtime` gives what runs networks, `measure_network` times one, `measure_table` makes a
`nas.cost.latency_table.LatencyTable`.
"""
