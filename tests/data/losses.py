"""Writes losses.txt: PyTorch's losses and their gradients in float64, on small random batches.

Four lines a case, each `case part shape numbers…`; the parts are predictions, targets (class indices
where they are whole), value, and gradient, that of the value by the predictions.

    python tests/data/losses.py > tests/data/losses.txt
"""

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(5)


def numbers(*shape):
    return 2 * torch.randn(*shape, generator=generator)


def classes(count, *shape):
    return torch.randint(count, shape, generator=generator)


def probabilities(*shape):
    return torch.softmax(numbers(*shape), -1)


def show(case, part, tensor):
    shape = "x".join(str(size) for size in tensor.shape) or "1"
    print(case, part, shape, *(repr(x) for x in tensor.flatten().tolist()))


def write(case, loss, predictions, targets):
    """Classes come last here, second in PyTorch."""
    predictions = predictions.clone().requires_grad_()
    rows = predictions
    if predictions.dim() == 3 and not targets.is_floating_point():
        rows = predictions.movedim(-1, 1)
    value = loss(rows, targets)
    (gradient,) = torch.autograd.grad(value, predictions)
    show(case, "predictions", predictions.detach())
    show(case, "targets", targets)
    show(case, "value", value.detach())
    show(case, "gradient", gradient)


print(f"# Made by losses.py with torch {torch.__version__.split('+')[0]}")

write("mean_squared_error", nn.MSELoss(), numbers(5, 3), numbers(5, 3))
write("mean_absolute_error", nn.L1Loss(), numbers(5, 3), numbers(5, 3))
write("huber", nn.HuberLoss(), numbers(5, 3), numbers(5, 3))
write("huber_delta", nn.HuberLoss(delta=2.5), numbers(5, 2, 3), numbers(5, 2, 3))

yes = probabilities(6, 2)
write("binary_cross_entropy", nn.BCEWithLogitsLoss(), 10 * numbers(6, 2), yes.round())
write("binary_cross_entropy_soft", nn.BCEWithLogitsLoss(), numbers(6, 2), yes)
weight = torch.tensor(3.0)
write("binary_cross_entropy_weight", nn.BCEWithLogitsLoss(pos_weight=weight), numbers(6, 2), yes)

ignored = classes(4, 7)
ignored[2] = -100
weights = torch.tensor([0.5, 2.0, 1.0, 0.0])
everything = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.2)
write("cross_entropy", nn.CrossEntropyLoss(), numbers(7, 4), ignored)
write("cross_entropy_sequence", nn.CrossEntropyLoss(), numbers(3, 5, 4), classes(4, 3, 5))
write("cross_entropy_smoothing", nn.CrossEntropyLoss(label_smoothing=0.1), numbers(7, 4), ignored)
write("cross_entropy_weights", nn.CrossEntropyLoss(weight=weights), numbers(7, 4), ignored)
write("cross_entropy_everything", everything, numbers(7, 4), ignored)
write("cross_entropy_everything_sequence", everything, numbers(3, 5, 4), classes(4, 3, 5))
write("cross_entropy_probabilities", nn.CrossEntropyLoss(), numbers(7, 4), probabilities(7, 4))
write("cross_entropy_probabilities_everything", everything, numbers(7, 4), probabilities(7, 4))

logs = torch.log_softmax(numbers(7, 4), -1)
write("negative_log_likelihood", nn.NLLLoss(), logs, ignored)
write("negative_log_likelihood_weights", nn.NLLLoss(weight=weights), logs, ignored)
sequence = torch.log_softmax(numbers(3, 5, 4), -1)
write("negative_log_likelihood_sequence", nn.NLLLoss(), sequence, classes(4, 3, 5))

write("hinge", nn.MultiMarginLoss(), numbers(7, 4), classes(4, 7))
write("hinge_margin", nn.MultiMarginLoss(margin=0.3), numbers(7, 4), classes(4, 7))


def binary_hinge(scores, targets):
    """PyTorch has none: its definition."""
    signs = 2.0 * targets - 1
    return torch.clamp(0.5 - signs * scores.squeeze(-1), min=0).mean()


write("hinge_binary", binary_hinge, numbers(9, 1), classes(2, 9))

divergence = nn.KLDivLoss(reduction="batchmean")
known = probabilities(7, 4)
known[3] = torch.tensor([0.0, 1.0, 0.0, 0.0])
write("kl_divergence", divergence, torch.log_softmax(numbers(7, 4), -1), known)
