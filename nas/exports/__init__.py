"""Export of one network as checked files: readable source, weights, ONNX and a card.

`bundle.export_network` writes the network of a `request.ExportRequest`. Each format is a module,
registered in `format.FORMATS`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
