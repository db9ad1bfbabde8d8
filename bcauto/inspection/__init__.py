"""A look at labelled pictures before any search: what they are, what is odd, what is wrong."""
