"""What people see: tables, figures, pages, exports and the progress on a terminal."""
