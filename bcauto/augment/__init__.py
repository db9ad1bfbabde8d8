"""Online augmentation: ops on one uint8 RGB image, policies made of them, a batch at a time."""
