"""Commands about signals and decisions: reports, briefs, receipts, replays."""
