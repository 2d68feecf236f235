"""The report's figures from real objects, and of the evidence; by matplotlib, without torch."""
