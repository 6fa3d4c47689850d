"""The demo company: an invented outdoor shop whose customers, money and parcels are all made up."""
