"""Networks from a list of layers: modules, weights, the count by fvcore, ONNX."""
