from .content cimport Content
from .core cimport Core


cdef Content rewritten(Core core, bytes place, bytes body, bint cold)
