"""Report: results as a page of tables and charts, losses included, with the machine named."""
