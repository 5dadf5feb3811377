# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside Freqtrade's process. GPL-3.0-or-later; nothing outside imports it."""
