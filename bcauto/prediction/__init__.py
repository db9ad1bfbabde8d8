"""Classes and probabilities of pictures without labels, by an exported model or a study's."""
