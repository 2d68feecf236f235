"""Jobs in processes: what is said between them, who starts them and where."""
