"""Pictures: rows of images with titles, and points in a panel with axes."""
