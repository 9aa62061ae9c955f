"""What explains rather than measures: derivations, the collapse, how far theory is off."""
