"""What can sit in a seat: stock DNS servers and the kernel's NAT, beside our own."""
