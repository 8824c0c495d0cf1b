"""Networks for images; each takes ``num_classes``, ``channels``, ``image_size`` from the data."""
