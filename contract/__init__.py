"""What everybody who speaks to Triton agrees on: the ensemble `analyze`, its tasks, names, limits and failures.

tasks     what kinds of models there are, and what their outputs in the ensemble are called
card      what the ensemble's config says about each model
request   photos as a request to `analyze`
answer    its tensors as results, one reader per task
failure   which gRPC failure means what
channel   gRPC options for clients of Triton
pixels    the preprocess step's own way from a file to upright RGB

Errors are neutral (`ContractError` and its children); each room translates them at its own border.
"""
