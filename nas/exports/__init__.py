"""Files out of one network: readable source, weights, ONNX and a card, each checked.

`bundle.export_network` writes them all; `request.ExportRequest` says of what.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
