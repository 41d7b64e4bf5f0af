"""What finds faces: one file a detector, an explicit table of them, and the geometry that they share."""
