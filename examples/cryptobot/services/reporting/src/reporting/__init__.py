"""Reports over orders and holdings."""
