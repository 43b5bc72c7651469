"""The Jupyter server's side: lists, starts and stops evaluation servers, and passes requests on to them.

It needs records on disk and HTTP only: the evaluation servers may belong to kernels of other environments.
"""
