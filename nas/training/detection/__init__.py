"""Detection: boxes in COCO's format, their anchors, the loss of SSD, and the average precision."""
