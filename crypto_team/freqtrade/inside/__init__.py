# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside the process of Freqtrade. GPL-3.0-or-later; nothing outside imports it."""
