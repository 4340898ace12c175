"""The numbers of one day's options as a user of DuckDB would compute them.

What SQL has not (the normal distribution, an implied volatility) is numpy and scipy, as in
pandas; what is left out there is left out here.
"""

from datetime import date, datetime

import duckdb
import numpy as np
import pandas as pd
from scipy.special import ndtr

from futures_pipeline_tests.bench.option_rivals import (
    GREEKS,
    TERMS,
    Numbers,
    depth,
    greeks,
    implied,
)

# ``y`` where ``x`` is ``a``, linear between the points about it.
MACRO = """CREATE OR REPLACE MACRO between_points(x, y, a) AS
    arg_max(y, x) FILTER (x <= a) + coalesce(
        (arg_min(y, x) FILTER (x >= a) - arg_max(y, x) FILTER (x <= a))
        * (a - max(x) FILTER (x <= a))
        / nullif(min(x) FILTER (x >= a) - max(x) FILTER (x <= a), 0), 0)"""
LAST = """CREATE OR REPLACE TEMP TABLE last AS
    SELECT *, date_diff('day', $today, expiry) AS dte, (bid + ask) / 2 AS mid,
        (epoch(timezone('America/New_York', expiry + INTERVAL 16 HOUR)) - epoch(timestamp))
        / 31536000 AS years
    FROM rows WHERE timestamp BETWEEN $close - INTERVAL 15 MINUTE AND $close
    QUALIFY row_number() OVER (
        PARTITION BY contract ORDER BY round_at DESC, timestamp DESC, received_at DESC) = 1"""
CLEAN = """CREATE OR REPLACE TEMP TABLE clean AS
    WITH usable AS (
        SELECT * FROM last WHERE bid > 0 AND ask > bid AND ask - bid <= mid / 2
            AND dte BETWEEN 7 AND 400),
    forwards AS (
        SELECT symbol, expiry, arg_min(
            strike + exp($rate * (c.years + p.years) / 2) * (c.mid - p.mid), abs(c.mid - p.mid)
            ) AS forward
        FROM usable c JOIN usable p USING (symbol, expiry, strike)
        WHERE c."right" = 'C' AND p."right" = 'P' GROUP BY symbol, expiry),
    sound AS (
        SELECT usable.*, forward, ("right" = 'P') = (strike < forward) AS outside
        FROM usable JOIN forwards USING (symbol, expiry)
        WHERE mid >= exp(-$rate * years) * (forward - strike) * if("right" = 'C', 1, -1))
    SELECT *, row_number() OVER () AS id,
        max(mid) FILTER (outside) OVER strikes AS outside_mid,
        max(years) FILTER (outside) OVER strikes AS outside_years
    FROM sound WINDOW strikes AS (PARTITION BY symbol, expiry, strike)"""
ROWS = """SELECT id, "right", forward, strike, years, iv, delta, gamma, vega, theta,
    underlying_price, outside_mid, outside_years FROM clean"""
AVERAGES = """SELECT symbol, count(*) AS n_clean,
        min(iv) FILTER (usual) AS iv_min, max(iv) FILTER (usual) AS iv_max,
        avg(iv) FILTER (usual) AS iv_mean, stddev(iv) FILTER (usual) AS iv_std,
        quantile_cont(iv, 0.25) FILTER (usual) AS iv_p25,
        quantile_cont(iv, 0.5) FILTER (usual) AS iv_median,
        quantile_cont(iv, 0.75) FILTER (usual) AS iv_p75,
        avg(iv) FILTER (usual AND near) AS atm_iv_mean,
        avg(iv) FILTER (usual AND NOT near AND outside) AS otm_iv_mean,
        avg(iv) FILTER (usual AND NOT near AND NOT outside) AS itm_iv_mean,
        avg(abs(delta)) FILTER (held) AS delta_mean, avg(gamma) FILTER (held) AS gamma_mean,
        avg(theta) FILTER (held) AS theta_mean, avg(vega) FILTER (held) AS vega_mean,
        sum(delta * open_interest) / sum(open_interest) FILTER (delta IS NOT NULL)
            AS delta_net_oi
    FROM (SELECT symbol, outside, open_interest, priced.*,
            dte <= 90 AND abs(priced.delta) BETWEEN 0.05 AND 0.95 AS usual,
            dte BETWEEN 20 AND 60 AND abs(priced.delta) BETWEEN 0.2 AND 0.8 AS held,
            abs(ln(strike / forward)) <= 0.025 AS near
        FROM clean JOIN priced USING (id)) GROUP BY symbol"""
TERM_STRUCTURE = """WITH smiles AS (
        SELECT symbol, avg(years) AS years,
            between_points(ln(strike / forward), priced.iv, 0) ** 2 * avg(years) AS money,
            between_points(rank, priced.iv, 0.75) ** 2 * avg(years) AS put,
            between_points(rank, priced.iv, 0.25) ** 2 * avg(years) AS call
        FROM clean JOIN priced USING (id)
        WHERE outside AND priced.iv IS NOT NULL GROUP BY symbol, expiry),
    points AS (UNPIVOT smiles ON money, put, call INTO NAME point VALUE variance),
    matured AS (
        SELECT symbol, point,
            sqrt(between_points(years, variance, 30 / 365) / 30 * 365) AS month,
            sqrt(between_points(years, variance, 90 / 365) / 90 * 365) AS quarter
        FROM points GROUP BY symbol, point)
    SELECT symbol, money.month AS iv_atm_30d, money.quarter AS iv_atm_90d,
        money.quarter / money.month - 1 AS term_structure_slope,
        put.month - call.month AS skew_25d
    FROM matured money JOIN matured put USING (symbol) JOIN matured call USING (symbol)
    WHERE money.point = 'money' AND put.point = 'put' AND call.point = 'call'"""
STRIPS = """WITH quoted AS (
        SELECT symbol, expiry, strike, "right", years, coalesce(bid, 0) AS bid, ask
        FROM last WHERE dte BETWEEN 7 AND 60 AND ask > 0 AND ask >= coalesce(bid, 0)),
    both_sides AS (
        SELECT symbol, expiry, strike, c.years, c.bid AS call_bid, p.bid AS put_bid,
            (c.bid + c.ask) / 2 AS call, (p.bid + p.ask) / 2 AS put
        FROM quoted c JOIN quoted p USING (symbol, expiry, strike)
        WHERE c."right" = 'C' AND p."right" = 'P'),
    terms AS (
        SELECT symbol, expiry, avg(years) AS life, exp($rate * life) AS grown,
            arg_min(strike, abs(call - put)) + grown * arg_min(call - put, abs(call - put))
                AS forward,
            life > 30 / 365 AS late
        FROM both_sides GROUP BY symbol, expiry
        QUALIFY row_number() OVER (PARTITION BY symbol, late ORDER BY abs(life - 30 / 365)) = 1),
    placed AS (
        SELECT *, max(strike) FILTER (strike <= forward) OVER (PARTITION BY symbol, late) AS middle,
            sign(strike - middle) AS side, if(side < 0, put_bid, call_bid) AS bid,
            CASE side WHEN -1 THEN put WHEN 1 THEN call ELSE (call + put) / 2 END AS price
        FROM both_sides JOIN terms USING (symbol, expiry)),
    outward AS (
        SELECT *, bid <= 0 AND lag(bid) OVER (
            PARTITION BY symbol, late, side ORDER BY abs(strike - middle)) <= 0 AS second_without
        FROM placed),
    used AS (
        SELECT * FROM outward QUALIFY side = 0 OR bid > 0 AND NOT coalesce(
            bool_or(second_without) OVER (
                PARTITION BY symbol, late, side ORDER BY abs(strike - middle)), false)),
    neighbours AS (
        SELECT *, lead(strike) OVER strikes AS above, lag(strike) OVER strikes AS below
        FROM used WINDOW strikes AS (PARTITION BY symbol, late ORDER BY strike)),
    variances AS (
        SELECT symbol, late, life, count(*) AS strikes,
            (2 * grown * sum(price / strike ** 2
                * coalesce((above - below) / 2, above - strike, strike - below))
                - (forward / middle - 1) ** 2) / life AS variance
        FROM neighbours GROUP BY symbol, late, life, grown, forward, middle)
    SELECT symbol, near.strikes + following.strikes AS vix_chain_strikes,
        (following.life - 30 / 365) / (following.life - near.life) AS weight,
        100 * sqrt((weight * near.life * near.variance
            + (1 - weight) * following.life * following.variance) * 365 / 30) AS vix_chain
    FROM variances near JOIN variances following USING (symbol)
    WHERE following.late AND NOT near.late"""
TRADED = """WITH contracts AS (
        SELECT any_value(symbol) AS symbol, any_value("right") AS side, max(volume) AS volume,
            max(open_interest) AS interest
        FROM rows GROUP BY contract)
    SELECT symbol, sum(volume) AS volume_total, sum(interest) AS open_interest_total,
        sum(volume) FILTER (side = 'C') AS call_volume,
        sum(volume) FILTER (side = 'P') AS put_volume, put_volume / call_volume AS put_call_ratio,
        sum(interest) FILTER (side = 'P') / sum(interest) FILTER (side = 'C') AS put_call_oi_ratio
    FROM contracts GROUP BY symbol"""
COUNTED = "SELECT symbol, count(*) AS n_contracts FROM last GROUP BY symbol"


def with_duckdb(
    database: duckdb.DuckDBPyConnection, today: date, close: datetime, rate: float
) -> Numbers:
    """Return the numbers of a table ``rows``; times are UTC without saying so."""
    database.execute(MACRO)
    database.execute(LAST, {"today": today, "close": close})
    database.execute(CLEAN, {"rate": rate})
    database.register("priced", _priced(database.execute(ROWS).df(), rate))
    found: Numbers = {}
    for query in (AVERAGES, TERM_STRUCTURE, STRIPS, TRADED, COUNTED):
        rows = database.execute(query, {"rate": rate} if "$rate" in query else None)
        names = [column[0] for column in rows.description]
        for values in rows.fetchall():
            row = dict(zip(names, values, strict=True))
            found.setdefault(row.pop("symbol"), {}).update(row)
    return found


def _priced(clean: pd.DataFrame, rate: float) -> pd.DataFrame:
    """Return volatilities and greeks, computed where they were missing, and N(d1)."""
    bare = clean.iv.isna()
    holes = clean[bare]
    vols = implied(holes.assign(years=holes.outside_years), holes.outside_mid.to_numpy(), rate)
    clean.loc[bare, ["iv", *GREEKS]] = np.column_stack(
        [vols, *(greeks(holes, vols, rate)[name] for name in GREEKS)]
    )
    rank = ndtr(depth(*(clean[name] for name in TERMS), clean.iv)[0])
    return clean[["id", "iv", *GREEKS]].assign(rank=rank)
