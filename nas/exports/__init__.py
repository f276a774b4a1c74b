"""Files out of one network: readable source, weights, ONNX and a card, each checked.

`bundle.export_network` writes them; `request.ExportRequest` says of what. Each format is a module
behind the table of `format.FORMATS`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
