"""Who may come in: the door before every page, and signing in at a provider or behind a proxy."""
