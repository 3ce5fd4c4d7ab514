"""An erasure, from its settings over the equations of UCE and RECE to what is handed on."""
