"""Hypermodels of the kinds that KerasTuner's tutorials show, for images of 32 x 32 in two classes.

They know nothing of bcauto: a test copies this file into a user's folder.
"""

import functools

import keras
import keras_tuner
import tensorflow as tf


def build_model(hp):
    """A dense network whose layers are counted by a hyperparameter; sparse labels."""
    model = keras.Sequential()
    model.add(keras.layers.Flatten())
    for number in range(hp.Int("num_layers", 1, 3)):
        units = hp.Int(f"units_{number}", min_value=8, max_value=32, step=8)
        model.add(keras.layers.Dense(units, activation=hp.Choice("activation", ["relu", "tanh"])))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(rate=0.25))
    model.add(keras.layers.Dense(2, activation="softmax"))
    learning_rate = hp.Float("lr", min_value=1e-3, max_value=1e-2, sampling="log")
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


class ConvolutionalModel(keras_tuner.HyperModel):
    """A CNN that gets shape and classes; one-hot labels and logits."""

    def __init__(self, input_shape, num_classes):
        super().__init__()
        self.input_shape, self.num_classes = input_shape, num_classes

    def build(self, hp):
        inputs = keras.Input(self.input_shape)
        x = inputs
        with hp.name_scope("conv"):
            for filters in (8, 16):
                x = keras.layers.Conv2D(filters, hp.Choice("kernel", [3, 5]), 2, "same")(x)
                x = keras.layers.BatchNormalization()(x)
                x = keras.layers.ReLU()(x)
        if hp.Choice("pooling", ["avg", "flatten"]) == "avg":
            x = keras.layers.GlobalAveragePooling2D()(x)
        else:
            x = keras.layers.Flatten()(x)
        model = keras.Model(inputs, keras.layers.Dense(self.num_classes)(x))
        model.compile(
            keras.optimizers.Adam(hp.Choice("learning_rate", [1e-2, 3e-3])),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model


class ConditionalModel(keras_tuner.HyperModel):
    """One of two networks, each with hyperparameters of its own; a single sigmoid."""

    def build(self, hp):
        model = keras.Sequential([keras.Input((32, 32, 3))])
        kind = hp.Choice("model_type", ["mlp", "cnn"])
        with hp.conditional_scope("model_type", ["mlp"]):
            if kind == "mlp":
                model.add(keras.layers.Flatten())
                model.add(keras.layers.Dense(hp.Int("units", 16, 32, step=16), "relu"))
        with hp.conditional_scope("model_type", ["cnn"]):
            if kind == "cnn":
                model.add(keras.layers.Conv2D(hp.Int("units", 4, 12, step=4), 3, 2))
                flat = hp.Boolean("cnn.flat")
                model.add(keras.layers.Flatten() if flat else keras.layers.GlobalMaxPooling2D())
                with hp.conditional_scope("cnn.flat", [True]):
                    if flat:
                        model.add(keras.layers.Dropout(hp.Float("rate", 0.0, 0.5, step=0.25)))
        model.add(keras.layers.Dense(1, activation="sigmoid"))
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        return model


class FittingModel(ConditionalModel):
    """Its batch size is one of its own hyperparameters."""

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [16, 40]), **kwargs)


class LoopingModel(ConditionalModel):
    """A loop of its own over arrays, which calls the callbacks."""

    def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
        batch_size = hp.Int("size", 20, 40, step=20)
        for callback in callbacks:
            callback.set_model(model)
        for epoch in range(2):
            for start in range(0, len(x), batch_size):
                model.train_on_batch(x[start : start + batch_size], y[start : start + batch_size])
            loss = model.evaluate(*validation_data, verbose=0)[0]
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"val_loss": loss})
        return loss


class TapeModel(keras_tuner.HyperModel):
    """A model that is not compiled, and the loop that trains it by its own loss; logits."""

    ending = None

    def build(self, hp):
        inputs = keras.Input((32, 32, 3))
        x = keras.layers.Flatten()(inputs)
        x = keras.layers.Dense(hp.Int("units", 16, 32, step=16), activation="relu")(x)
        return keras.Model(inputs, keras.layers.Dense(2, activation=self.ending)(x))

    def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
        size = hp.Int("batch_size", 12, 36, step=12)
        train = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
        held_back = tf.data.Dataset.from_tensor_slices(validation_data).batch(size)
        optimizer = keras.optimizers.Adam(hp.Float("rate", 2e-3, 1e-2, sampling="log"))
        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=self.ending is None)

        @tf.function
        def step(images, labels):
            with tf.GradientTape() as tape:
                loss = loss_of(labels, model(images, training=True))
            weights = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

        self.tell_model(callbacks, model)
        best = float("inf")
        for epoch in range(2):
            for images, labels in train:
                step(images, labels)
            losses = [float(loss_of(labels, model(images))) for images, labels in held_back]
            mean = sum(losses) / len(losses)
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"held_back_loss": mean})
            best = min(best, mean)
        return best

    def tell_model(self, callbacks, model):
        for callback in callbacks:
            callback.set_model(model)


class SoftmaxTapeModel(TapeModel):
    """Probabilities, and callbacks that are given the model as Keras 2 had it."""

    ending = "softmax"

    def tell_model(self, callbacks, model):
        for callback in callbacks:
            callback.model = model


class WordyFittingModel(FittingModel):
    """Says in its own words that training went wrong."""

    def fit(self, hp, model, *args, **kwargs):
        try:
            return super().fit(hp, model, *args, **kwargs)
        except Exception as error:
            raise RuntimeError("could not be fitted") from error


class WordyTapeModel(TapeModel):
    """Says so of its own loop."""

    def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
        try:
            return super().fit(hp, model, x, y, validation_data, callbacks, **kwargs)
        except Exception as error:
            raise RuntimeError("could not be fitted") from error


def uncompiled(hp):
    return keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])


def three_classes(hp):
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    model.compile(loss="mse")
    return model


def of_digits(hp):
    inputs = keras.Input((28, 28, 1))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))
    model.compile(loss="mse")
    return model


class Doubling(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def with_own_layer(hp):
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(Doubling()(inputs))))
    model.compile(loss="mse")
    return model


def mish(x):
    return x * keras.ops.tanh(keras.ops.softplus(2 * x))


def by_two(x):
    return 2 * x


class Shrinking(keras.regularizers.Regularizer):
    def __call__(self, weights):
        return keras.ops.sum(weights**2)

    def get_config(self):
        return {}


def with_own_part(kind):
    """A model of Keras' own layers in all but one part of theirs."""
    layers = keras.layers
    images = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(2, 3, activation=by_two)])
    return of_layers(
        *{
            "lambda": lambda: [layers.Conv2D(2, 3, activation=lambda x: x)],
            "function": lambda: [layers.Activation(by_two)],
            "keras' name": lambda: [layers.Conv2D(2, 3, activation=mish)],
            "tensorflow's": lambda: [layers.Conv2D(2, 3, activation=tf.nn.swish)],
            "object": lambda: [layers.Conv2D(2, 3, activation=Shrinking())],
            "bound": lambda: [layers.Conv2D(2, 3, activation=Shrinking().__call__)],
            "partial": lambda: [layers.Conv2D(2, 3, activation=functools.partial(by_two))],
            "regularizer": lambda: [layers.Conv2D(2, 3, kernel_regularizer=Shrinking())],
            "initializer": lambda: [layers.Conv2D(2, 3, bias_initializer=own_zeros)],
            "wrapper": lambda: [layers.TimeDistributed(layers.Lambda(by_two))],
            "inside": lambda: [images],
        }[kind]()
    )


def own_zeros(shape, dtype=None):
    return keras.ops.zeros(shape, dtype)


def sometimes_own_part(hp):
    own = hp.Choice("activation", ["relu", "mine"]) == "mine"
    return of_layers(keras.layers.Activation(by_two if own else "relu"))


def own_loss(labels, outputs):
    return keras.losses.sparse_categorical_crossentropy(labels, outputs)


def with_own_loss(hp):
    model = of_layers()
    model.compile(loss=own_loss if hp.Boolean("own", default=True) else "mse")
    return model


class OwnLossModel(keras_tuner.HyperModel):
    """Trains by a loss that takes other labels than ours, which it makes of them."""

    def build(self, hp):
        return with_own_loss(hp)

    def fit(self, hp, model, x, y, **kwargs):
        return model.fit(x, y, **kwargs)


class StagedModel(ConditionalModel):
    """Trains twice, and asks for the second rate only then."""

    def fit(self, hp, model, *args, **kwargs):
        history = model.fit(*args, **{**kwargs, "epochs": hp.Int("first", 1, 2)})
        assert max(history.history["val_accuracy"]) <= 1
        assert len(history.epoch) == len(history.history["loss"])
        model.compile(keras.optimizers.Adam(hp.Choice("rate", [1e-4, 1e-3])), loss=model.loss)
        return model.fit(*args, **{**kwargs, "epochs": 1})


class WaitingModel(ConditionalModel):
    """Trains until it is good."""

    def fit(self, hp, model, *args, **kwargs):
        while model.fit(*args, **kwargs).history["accuracy"][-1] < 0.9:
            hp.Boolean("again")
        hp.Boolean("good")


class OverArraysModel(ConditionalModel):
    """Sees how many pictures it is given."""

    def fit(self, hp, model, x, y, callbacks=None, **kwargs):
        assert len(x) == len(y) == 72, len(x)
        return model.fit(x, y, callbacks=callbacks)


def nothing(hp):
    return None


def broken(hp):
    raise ValueError("kernel size must be odd\nand more lines")


class LazyModel(keras_tuner.HyperModel):
    pass


def refusing(hp):
    raise keras_tuner.errors.FailedTrialError("too large")


def two_outputs(hp):
    inputs = keras.Input((32, 32, 3))
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, [keras.layers.Dense(2)(flat), keras.layers.Dense(2)(flat)])
    model.compile(loss=["mse", "mse"])
    return model


def two_inputs(hp):
    inputs = [keras.Input((32, 32, 3)), keras.Input((32, 32, 3))]
    flat = keras.layers.Flatten()(keras.layers.Add()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(flat))
    model.compile(loss="mse")
    return model


def of_layers(*layers):
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model.compile(loss="mse")
    return model


def sometimes_lambda(hp):
    by_lambda = hp.Choice("scaling", ["none", "lambda"]) == "lambda"
    return of_layers(*([keras.layers.Lambda(lambda x: x / 255)] if by_lambda else []))


def sometimes_broken(hp):
    if hp.Choice("kind", ["a", "b", "c"]) == "c":
        raise RuntimeError("c is not supported")
    return of_layers()


SOMETHING_ELSE = 3
