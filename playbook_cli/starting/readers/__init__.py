"""What programs take, one reader for each library that reads command lines or configs."""
