"""What a person sees: tables, sentences and the live screen of a search."""
