"""What pages and commands read: frozen dataclasses, queries only.

Every public function takes the session first and is called through `Store.read`; none of them
writes. "It ran" (health) and "it was right" (reliability) stay two series in every shape here.
"""
