"""Modules that PyTorch has not, as the source that goes into a file which needs them."""

FUNCTION = '''
class Function(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z):
        return self.function(z)
'''

UNITS = '''
class Units(nn.Module):
    """Activations of some units each: pairs of an activation and the columns of its units."""

    def __init__(self, *parts):
        super().__init__()
        self.activations = nn.ModuleList(activation for activation, _ in parts)
        self.columns = [columns for _, columns in parts]

    def forward(self, z):
        a = torch.empty_like(z)
        for activation, columns in zip(self.activations, self.columns):
            a[:, columns] = activation(z[:, columns])
        return a
'''

SCALE = '''
class Scale(nn.Module):
    """A learnt factor for each feature."""

    def __init__(self, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))

    def forward(self, x):
        return x * self.weight
'''

RESIDUAL = '''
class Residual(nn.Sequential):
    """Adds what its layers compute to what they are given."""

    def forward(self, x):
        return x + super().forward(x)
'''

EMBEDDINGS = '''
class Embeddings(nn.Module):
    """Vectors in the place of columns of codes; sizes are (codes, length) by column."""

    def __init__(self, sizes):
        super().__init__()
        self.vectors = nn.ModuleDict({str(c): nn.Embedding(*size) for c, size in sizes.items()})

    def forward(self, x):
        parts = []
        for column in range(x.shape[1]):
            part = x[:, column : column + 1]
            if str(column) in self.vectors:
                part = self.vectors[str(column)](part[:, 0].long())
            parts.append(part)
        return torch.cat(parts, dim=1)
'''

#: In the order in which a file has them.
MODULES = {
    "Function": FUNCTION, "Units": UNITS, "Scale": SCALE, "Residual": RESIDUAL,
    "Embeddings": EMBEDDINGS,
}  # fmt: skip
