"""The assets of options: 27 numbers a session and the regimes; what starts and checks them."""
