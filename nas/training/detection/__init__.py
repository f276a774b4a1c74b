"""Object detection: boxes in COCO's format, anchors, the loss of SSD, and average precision."""
