"""File formats that several readers share: tables, TensorBoard events, decimal marks in text."""
