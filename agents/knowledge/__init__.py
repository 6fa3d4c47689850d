"""What a company knows: its documents, split into passages that can be found and quoted."""
