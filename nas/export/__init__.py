"""Files out of one network: readable source, weights, ONNX and a card, each checked.

`bundle.export_network` writes them all; `request.ExportRequest` says of what.
"""
