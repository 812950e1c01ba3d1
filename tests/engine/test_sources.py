"""What programs read: arrays where they lie, and sparse matrices row by row."""

import numpy as np
import pytest
from scipy import sparse

from chainrule.engine.sources import describe


@pytest.mark.parametrize("form", [sparse.csc_matrix, sparse.csc_array, sparse.bsr_matrix])
def test_a_sparse_matrix_whose_rows_do_not_lie_together_is_refused(form):
    with pytest.raises(TypeError, match="a sparse source must be a CSR matrix, not"):
        describe(form(np.eye(3)))
