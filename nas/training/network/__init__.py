"""Networks from the list of layers: modules, weights, the independent count, ONNX."""
