"""What people would use in Triton's place: the same networks, decode and work behind other servers.

Each service reads the description of its work from the file that BENCH_WORK names, and its port from PORT.
"""
