"""The parts of a page. Each takes read models and draws; none of them writes to the store."""
