import torch

from sqair_wm.gradients import WeightGradients
from sqair_wm.networks import GRUCell, linear, mlp


def total(model, inputs):
    state = torch.zeros(5, 6, dtype=torch.float64)
    for x in inputs:
        state = model["cell"](model["mlp"](x), state)
    return (model["out"](state.view(5, 1, 6)) ** 2).sum()


def test_summed_weight_gradients_are_those_of_autograd():
    model = torch.nn.ModuleDict({"mlp": mlp(4, 8, 7, out=False), "cell": GRUCell(7, 6), "out": linear(6, 2)}).double()
    model["unused"] = mlp(3, 3)
    inputs, found = torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True), []
    for summing in (False, True):
        if summing:
            with WeightGradients(model):
                loss = total(model, inputs)
        else:
            loss = total(model, inputs)
        used = [p for name, p in model.named_parameters() if not name.startswith("unused")]
        found.append((loss.detach(), torch.autograd.grad(loss, [inputs, *used])))
    torch.testing.assert_close(found[0], found[1])


def test_a_layer_that_was_not_used_has_no_gradient_and_sums_start_afresh():
    model, gradients = torch.nn.ModuleList([mlp(4, 3), mlp(4, 3)]), []
    for _ in range(2):
        model.zero_grad()
        with WeightGradients(model):
            loss = model[0](torch.ones(2, 4)).sum()
        loss.backward()
        assert all(p.grad is None for p in model[1].parameters())
        gradients.append(model[0][0].weight.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)
